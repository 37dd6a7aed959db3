"""The edge between participants and a relay: signed updates over HTTP."""
