"""What happens to the trail itself: it is read out. Not public."""

from dataclasses import dataclass
from typing import ClassVar

from core.events import Event


@dataclass(frozen=True, kw_only=True)
class AuditExported(Event):
    """Somebody exported audit entries or requests."""

    type: ClassVar[str] = "audit.exported"
    public: ClassVar[bool] = False


@dataclass(frozen=True, kw_only=True)
class ProofDownloaded(Event):
    """Somebody downloaded a day's rows with their seals."""

    type: ClassVar[str] = "audit.proof_downloaded"
    public: ClassVar[bool] = False
