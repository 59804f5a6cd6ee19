/*
 * tiff_page.h - what one TIFF page holds.
 *
 * What always holds: a tiff_page from tiff_read_page can be kept exactly.
 */
#ifndef GAM_TIFF_PAGE_H
#define GAM_TIFF_PAGE_H

#include "tiff_io.h"

/* Reads and checks the current page; GAM_UNSUPPORTED when it cannot be kept exactly. */
gam_status tiff_read_page(TIFF *tiff, tiff_page *page, gam_message *message);
/* Whether two pages can lie on one axis. */
int tiff_same_shape(const tiff_page *a, const tiff_page *b);
/* Describes `pages` pages: rows and columns, a slow axis before them when there are several. */
void tiff_describe(gam_description *description, const tiff_page *page, uint64_t pages);

#endif
