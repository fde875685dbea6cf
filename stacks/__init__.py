"""What each target deploys: a burst's values into components and outputs."""
