"""The kiosk's states and what leads from one to another: one table, from which docs/kiosk.md is drawn.

For each state: event -> the states in which it may end. An event that a state does not list changes nothing (a rider
may press late), and is counted; a step that the table does not list is an error. ``TIMED_OUT`` is the state's own time.
"""

OUT_OF_ORDER = "out_of_order"
START = "start"
CHOOSE = "choose"
PAY = "pay"
ASK = "ask"
ISSUE = "issue"
HAND_OVER = "hand_over"
MY_DATA = "my_data"
WITHDRAW = "withdraw"
ERASE = "erase"
SORRY = "sorry"

TIMED_OUT = "timed_out"

TABLE = {
    OUT_OF_ORDER: {
        "mended": (START, OUT_OF_ORDER, ISSUE),
        "fault": (OUT_OF_ORDER,),
        "coin": (OUT_OF_ORDER, SORRY),
        "language": (OUT_OF_ORDER,),
        "signed": (ISSUE, OUT_OF_ORDER),
        "sign_refused": (OUT_OF_ORDER, SORRY),
        "printed": (HAND_OVER,),
        "print_failed": (OUT_OF_ORDER, SORRY),
        TIMED_OUT: (START, OUT_OF_ORDER, ISSUE),
    },
    START: {
        "buy": (CHOOSE, OUT_OF_ORDER),
        "choose": (PAY, OUT_OF_ORDER),
        "my_data": (MY_DATA,),
        "show": (MY_DATA,),
        "coin": (START,),
        "language": (START,),
        "fault": (OUT_OF_ORDER,),
    },
    CHOOSE: {
        "choose": (PAY, OUT_OF_ORDER),
        "cancel": (START,),
        "back": (START,),
        "coin": (CHOOSE,),
        "language": (CHOOSE,),
        "fault": (OUT_OF_ORDER,),
        TIMED_OUT: (START,),
    },
    PAY: {
        "coin": (PAY, ASK, ISSUE, SORRY),
        "cancel": (START,),
        "back": (START,),
        "language": (PAY,),
        "fault": (OUT_OF_ORDER,),
        TIMED_OUT: (START,),
    },
    ASK: {
        "answer": (ISSUE, SORRY, OUT_OF_ORDER),
        "coin": (PAY,),
        "cancel": (START,),
        "back": (START,),
        "language": (ASK,),
        "fault": (OUT_OF_ORDER,),
        TIMED_OUT: (START,),
    },
    ISSUE: {
        "signed": (ISSUE, SORRY, OUT_OF_ORDER),
        "sign_refused": (ISSUE, SORRY, OUT_OF_ORDER),
        "printed": (HAND_OVER,),
        "print_failed": (OUT_OF_ORDER, SORRY),
        "coin": (ISSUE, SORRY, OUT_OF_ORDER),
        "language": (ISSUE,),
        "fault": (ISSUE, OUT_OF_ORDER),
        "mended": (ISSUE,),
        TIMED_OUT: (ISSUE, SORRY, OUT_OF_ORDER),
    },
    HAND_OVER: {
        "taken": (START, OUT_OF_ORDER),
        "back": (START, OUT_OF_ORDER),
        "coin": (HAND_OVER,),
        "language": (HAND_OVER,),
        "fault": (HAND_OVER,),
        "mended": (HAND_OVER,),
        TIMED_OUT: (START, OUT_OF_ORDER),
    },
    MY_DATA: {
        "show": (MY_DATA,),
        "rows": (MY_DATA,),
        "rows_failed": (SORRY,),
        "withdraw": (WITHDRAW, MY_DATA),
        "erase": (ERASE, MY_DATA),
        "cancel": (START,),
        "back": (START,),
        "coin": (MY_DATA,),
        "language": (MY_DATA,),
        "fault": (OUT_OF_ORDER,),
        TIMED_OUT: (START,),
    },
    WITHDRAW: {
        "answer": (WITHDRAW, MY_DATA),
        "erased": (ISSUE, SORRY, OUT_OF_ORDER, MY_DATA),
        "erase_failed": (SORRY,),
        "cancel": (MY_DATA,),
        "back": (MY_DATA,),
        "coin": (WITHDRAW,),
        "language": (WITHDRAW,),
        "fault": (OUT_OF_ORDER,),
        TIMED_OUT: (START, SORRY),
    },
    ERASE: {
        "answer": (ERASE, MY_DATA),
        "erased": (MY_DATA,),
        "erase_failed": (SORRY,),
        "cancel": (MY_DATA,),
        "back": (MY_DATA,),
        "coin": (ERASE,),
        "language": (ERASE,),
        "fault": (OUT_OF_ORDER,),
        TIMED_OUT: (START, SORRY),
    },
    SORRY: {
        "back": (START, OUT_OF_ORDER),
        "cancel": (START, OUT_OF_ORDER),
        "coin": (SORRY,),
        "language": (SORRY,),
        "fault": (SORRY, OUT_OF_ORDER),
        "mended": (SORRY,),
        TIMED_OUT: (START, OUT_OF_ORDER),
    },
}


class TransitionError(Exception):
    """A step that the table does not list: a fault of the program, never of a rider."""
