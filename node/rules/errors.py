"""What a rule may not say."""


class RuleError(ValueError):
    """A rule, or a matcher, condition or template of it, cannot be used.

    `key` is the one of its keys that is wrong, as it is written (`condition.threshold`); empty when it is the whole.
    """

    def __init__(self, message: str, key: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.key = key

    def __str__(self) -> str:
        return f"{self.key}: {self.message}" if self.key else self.message
