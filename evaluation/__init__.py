"""How strong players are: matches, tournaments, reports."""
