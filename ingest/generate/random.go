package generate

import "math"

// rng is splitmix64: fast, and the same numbers everywhere.
type rng uint64

// newRNG gives the stream of a (seed, stream) pair; streams are independent.
func newRNG(seed, stream uint64) rng { return rng(mix(seed+1) ^ mix(stream+0x51ed)) }

func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func (r *rng) next() uint64 {
	v := mix(uint64(*r))
	*r += 0x9e3779b97f4a7c15
	return v
}

// below is uniform in [0, n); the bias for n < 2^32 is below 2^-32.
func (r *rng) below(n int) int {
	if n <= 1 {
		return 0
	}
	return int((r.next() >> 32) * uint64(n) >> 32)
}

// between is uniform in [lo, hi], both ends included.
func (r *rng) between(lo, hi int64) int64 { return lo + int64(r.below(int(hi-lo+1))) }

// unit is uniform in [0, 1).
func (r *rng) unit() float64 { return float64(r.next()>>11) * (1.0 / (1 << 53)) }

// chance is true with probability p.
func (r *rng) chance(p float64) bool { return r.unit() < p }

// The functions below use only +, -, * and square roots, each rounded by an
// explicit conversion where a compiler might fuse two of them: IEEE 754 fixes
// their results, so one seed gives one file on every processor. math.Exp and
// math.Log give no such promise.

const pow2Bits = 11

var pow2Table = func() (t [1<<pow2Bits + 1]float64) {
	var root [pow2Bits]float64 // 2^(1/2), 2^(1/4), ...
	x := 2.0
	for i := range root {
		x = math.Sqrt(x)
		root[i] = x
	}
	for i := range t[:1<<pow2Bits] {
		v := 1.0
		for b := range pow2Bits {
			if i>>(pow2Bits-1-b)&1 == 1 {
				v = float64(v * root[b])
			}
		}
		t[i] = v
	}
	t[1<<pow2Bits] = 2
	return t
}()

// exp2 is 2^x for |x| < 1000, to about 12 digits.
func exp2(x float64) float64 {
	whole := math.Floor(x)
	frac := float64((x - whole) * (1 << pow2Bits))
	i := int(frac)
	d := float64(float64(frac-float64(i)) * (math.Ln2 / (1 << pow2Bits)))
	poly := 1 + float64(d*float64(1+float64(d*float64(0.5+float64(d*(1.0/6))))))
	return math.Ldexp(float64(pow2Table[i]*poly), int(whole))
}

// log2 is the binary logarithm of x > 0, to about 12 digits.
func log2(x float64) float64 {
	m, e := math.Frexp(x)
	m, e = float64(m*2), e-1 // 1 <= m < 2
	sum, bit := float64(e), 0.5
	for range 40 {
		m = float64(m * m)
		if m >= 2 {
			m = float64(m * 0.5)
			sum += bit
		}
		bit *= 0.5
	}
	return sum
}

// exponential has the given mean.
func (r *rng) exponential(mean float64) float64 {
	return float64(-float64(log2(1-r.unit())*math.Ln2) * mean)
}

// logNormal has the given median; spread 1 means a factor of e at one sigma.
// The normal is the sum of twelve uniforms, which ends at six sigma.
func (r *rng) logNormal(median, spread float64) float64 {
	sum := -6.0
	for range 12 {
		sum += r.unit()
	}
	return float64(median * exp2(float64(float64(sum*spread)*math.Log2E)))
}

// zipf draws ranks 0..n-1 by Zipf-Mandelbrot with exponent 1: the weight of
// the k-th (from 1) is ln(1 + 1/(k+q)), which is 1/(k+q) up to its own square.
// The integral form needs no table and one exp2 per draw.
type zipf struct {
	n    int
	q    float64
	span float64 // log2((n+1+q)/(1+q))
}

func newZipf(n int, q float64) zipf {
	return zipf{n: n, q: q, span: log2((float64(n) + 1 + q) / (1 + q))}
}

func (z zipf) rank(r *rng) int {
	x := float64((1+z.q)*exp2(float64(r.unit()*z.span))) - z.q
	return min(max(int(x)-1, 0), z.n-1)
}
