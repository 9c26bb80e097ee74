"""Where frames come from and go to: one package a kind of port."""
