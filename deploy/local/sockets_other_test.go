//go:build !linux

package main

// parentDeathSignal: only Linux tells a child when its parent has died.
const parentDeathSignal = false
