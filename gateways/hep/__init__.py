"""SIP messages that edges have seen, as they tell it by HEP v3: taken, kept for some days, and
shown in the trace of the call that they belong to.

Nothing waits for this: a listener that cannot keep up drops messages and counts them.
"""
