"""Chance without a bias, from a board's random bytes."""


def below(random_bytes, limit):
    """A number from 0 to below ``limit`` (at most 65536), each equally likely: what lies beyond is drawn again."""
    fair = 65536 - 65536 % limit
    while True:
        two = random_bytes(2)
        drawn = two[0] << 8 | two[1]
        if drawn < fair:
            return drawn % limit


def shuffle(random_bytes, items):
    """Fisher-Yates, in place: every order is equally likely (at most 65536 items)."""
    for last in range(len(items) - 1, 0, -1):
        other = below(random_bytes, last + 1)
        items[last], items[other] = items[other], items[last]
