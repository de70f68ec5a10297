"""A ticket's clocks in words: what is owed, how it stands, and why it is due then."""

from datetime import timedelta

from django.utils.translation import gettext as _

from nightdesk.desk.clock import Because, Missing, Reading, Standing, Which


def name_of(which: Which) -> str:
    """What is owed, as a heading."""
    return {Which.RESPOND: _("Answer"), Which.UPDATE: _("News"), Which.FIX: _("Fix")}[which]


def what_is_due(which: Which) -> str:
    """What is owed, as it stands before "is due"."""
    return {
        Which.RESPOND: _("the answer to the customer"),
        Which.UPDATE: _("news for the customer"),
        Which.FIX: _("the fix"),
    }[which]


def because(reason: Because) -> str:
    """Why a stretch counts, or does not."""
    return {
        Because.OPEN: _("support hours"),
        Because.MAY_WAKE: _("counts at any hour: this priority may wake an engineer"),
        Because.EVERY_MINUTE: _("counts at any hour: the target is in hours by the clock"),
        Because.CLOSED: _("outside support hours"),
        Because.AWAITING_CALLER: _("rests: waiting for the customer"),
        Because.AWAITING_CHANGE: _("rests: waiting for a change"),
        Because.AWAITING_PROBLEM: _("rests: waiting for a problem to be understood"),
        Because.AWAITING_SUPPLIER: _("rests: waiting for a supplier"),
        Because.ENDED: _("rests: it was over"),
    }[reason]


def missing(reason: Missing) -> str:
    """Why nothing is owed."""
    return {
        Missing.NOT_ASKED: _("We opened it ourselves, so nobody waits for a first answer."),
        Missing.NO_CONTRACT: _("No contract was valid for this customer then, so nothing is promised."),
        Missing.NO_TARGET: _("Nothing is agreed for this priority."),
        Missing.ANSWER_FIRST: _("It begins with our first answer."),
        Missing.MERGED: _("It was merged; the clocks run on the ticket that goes on."),
    }[reason]


def standing(reading: Reading) -> str:
    """How the clock stands, in one or two words."""
    if reading.standing is Standing.BREACHED:
        return _("was late") if reading.done_at is not None or not reading.is_owed else _("late")
    return {
        Standing.NONE: _("none"),
        Standing.RUNNING: _("running"),
        Standing.PAUSED: _("rests"),
        Standing.STOPPED: _("over"),
        Standing.MET: _("in time"),
    }[reading.standing]


def hours_of(duration: timedelta) -> str:
    """How much time: "3 h 5 min", "40 min"; never in days, for a day of support hours is not 24 of them. Without a sign."""
    hours, minutes = divmod(int(abs(duration) / timedelta(minutes=1)), 60)
    if not hours:
        return _("%d min") % minutes
    return _("%d h") % hours if not minutes else _("%(hours)d h %(minutes)d min") % {"hours": hours, "minutes": minutes}
