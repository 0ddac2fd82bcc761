"""What the system says."""


def position_text(language: str, position: int) -> str:
    """How many callers are ahead; `position` 1 is next."""
    if position <= 1:
        return "You are the next caller."
    ahead = position - 1
    return (
        "There is one caller ahead of you."
        if ahead == 1
        else f"There are {ahead} callers ahead of you."
    )
