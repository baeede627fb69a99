// Package generate makes traffic: journeys of simulated people with the truth
// beside them (Write), the same world in real time (Live), and the published
// benchmark's stream (Bench). It writes NDJSON under the rules of the contract
// and knows nothing of how it is judged.
//
// Invariants:
//  1. A seed gives the same bytes on every machine.
//  2. Memory grows with what is under way at one simulated time, not with the
//     length of the run.
//  3. Money is counted in micros, and the truth's sums are exact.
package generate
