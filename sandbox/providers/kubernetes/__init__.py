"""The stand-in of `pulumi-resource-kubernetes`: applies to a rehearsal cluster what the official plugin applies to any.

`plugin` answers the engine; `cluster` speaks to the API server; `objects`, `replacements`, `schema` and `readiness` are pure.
"""
