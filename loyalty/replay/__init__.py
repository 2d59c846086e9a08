"""Replaying a shop's past: a file of orders and the daily runs between them, through the operations that serve a till.

rules -> reading -> replaying -> reporting. The rules are those of specs/points.md, "Imports and replays".
"""
