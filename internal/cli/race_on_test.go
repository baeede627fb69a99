//go:build race

package cli

// pace is how much slower tests send what they send under the race detector, in
// which the doubles of servers run, too.
const pace = 4
