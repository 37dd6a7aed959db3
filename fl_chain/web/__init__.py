"""Pages for auditors: the explorer, and the report of an audit. Read-only; decides nothing."""
