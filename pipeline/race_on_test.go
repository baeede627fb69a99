//go:build race

package pipeline_test

// raceEnabled: the race detector makes everything ten times slower.
const raceEnabled = true
