"""The overlay between whole nodes: namespaces on a routed underlay, with this fabric, the kernel or Open vSwitch in
each."""
