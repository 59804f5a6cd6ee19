"""What an administrator asks of the daemon; docs/operations.md tells what it means.

What always holds here:
- Everything but metrics, config and the status of a scrub needs an administrator: others get a
  PermissionDeniedError.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from . import gam_pb2 as pb


class Upkeep(ABC):
    """The part of a Client for whoever looks after its daemon."""

    @abstractmethod
    def _call(self, key: str, **operation: Any) -> pb.Reply:
        """One request and its last answer."""

    def metrics(self) -> str:
        """The daemon's figures as OpenMetrics text."""
        return self._call("", metrics=pb.Metrics()).metrics.text

    def config(self) -> dict[str, tuple[str, str]]:
        """Every option: its value as TOML, and where it comes from."""
        settings = self._call("", config=pb.Config()).config.settings
        return {setting.key: (setting.value, setting.origin) for setting in settings}

    def create_backup(self, keep: int = 0) -> pb.BackupEntry:
        """Backs the running store up; afterwards only the newest `keep` stay, all for 0."""
        return self._call("", backup=pb.Backup(action="create", keep=keep)).backup.backups[0]

    def backups(self) -> list[pb.BackupEntry]:
        return list(self._call("", backup=pb.Backup(action="list")).backup.backups)

    def verify_backup(self, number: int = 0) -> pb.BackupEntry:
        """Recalls every signal of a backup, the newest for 0."""
        return self._call("", backup=pb.Backup(action="verify", id=number)).backup.backups[0]

    def scrub(self, action: str = "status") -> pb.ScrubResult:
        """`action` is start, stop or status."""
        return self._call("", scrub=pb.Scrub(action=action)).scrub

    def collect(self) -> pb.CollectResult:
        """Deletes records nothing names and gives dead space back."""
        return self._call("", collect=pb.Collect()).collect

    def pause_refits(self, pause: bool = True) -> pb.JobsResult:
        return self._call("", refit=pb.Refit(pause=pause)).jobs
