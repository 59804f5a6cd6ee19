/* The plugin ABI is a header; a SwiftPM C target needs one source file. */
#include "gam_plugin.h"
