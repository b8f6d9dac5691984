"""What is served: kinds, their schemas, defaults and rules, built-in and defined at run time."""
