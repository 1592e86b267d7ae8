"""What happens to the trail itself: it is read out. Not public."""

from typing import ClassVar

from core.events import Event


class AuditExported(Event):
    """Somebody exported audit entries or requests."""

    type: ClassVar[str] = "audit.exported"
    sentence: ClassVar[str] = "exported {what} as {format}"
    public: ClassVar[bool] = False


class ProofDownloaded(Event):
    """Somebody downloaded a day's rows with their seals."""

    type: ClassVar[str] = "audit.proof_downloaded"
    sentence: ClassVar[str] = "downloaded the proof of {stream} of {day}"
    public: ClassVar[bool] = False
