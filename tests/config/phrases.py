"""What is expected in many places, word for word."""

NAME = "a name of 1 to 63 letters, digits, '.', '_' and '-' that starts with a letter or digit"
IFNAME = "an interface name of 1 to 15 printable characters without blanks, '/', ':' and '%'"
NETNS = "a network namespace's name, or an absolute path such as /proc/1234/ns/net"
ADDRESS = "an IPv4 or IPv6 address such as 10.10.0.2 or fd00:10::2"
SUBNET = "a subnet such as 10.10.0.0/24 or fd00:10::/64"
VLANS = 'a VLAN from 1 to 4094, or a range such as "100-199"'
SUBNETS = "10.10.0.0/24 or fd00:10::/64 of network blue"
