"""The line driver of telephony providers that speak Twilio's language: REST to place a leg, TwiML to say what is told.

`legs` places and cancels, `document` writes the steps, `events` reads what comes back, `signature` proves who sent it.
"""
