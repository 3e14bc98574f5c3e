"""``laidian demo``: a hotline that runs by itself on synthetic data, to be looked at and clicked through."""
