"""What every other folder may use: opening files that others wrote, and walking the folder of nights.

Modules here import only each other, `sendworthy.errors` and libraries.
"""
