"""A stand-in of Pulumi's plugin for Google Cloud: the same package and version, whose cloud is `sandbox/cloud`."""
