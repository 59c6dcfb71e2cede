"""What every section of node.yaml is made of."""

from typing import Annotated

import msgspec

Count = Annotated[int, msgspec.Meta(ge=1)]
CountOrZero = Annotated[int, msgspec.Meta(ge=0)]
Percent = Annotated[float, msgspec.Meta(ge=0, le=100)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
AbsolutePath = Annotated[str, msgspec.Meta(pattern="^/", description="absolute path")]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping of node.yaml. Unknown keys are errors."""
