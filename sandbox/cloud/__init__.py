"""Google Cloud as a rehearsal has it: a ledger, rules, a clock, clusters that answer, and a meter. Nothing is rented."""
