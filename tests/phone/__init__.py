"""The phone line with real parts on loopback: the unpacked Asterisk, baresip as telephones, sipp as the carrier."""
