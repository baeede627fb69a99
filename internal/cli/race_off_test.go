//go:build !race

package cli

// pace is how much slower tests send what they send.
const pace = 1
