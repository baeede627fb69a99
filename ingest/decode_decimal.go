package ingest

import "github.com/tributary-data/tributary/event"

// decimalFault is why a decimal is no amount.
type decimalFault uint8

const (
	decimalOK decimalFault = iota
	decimalSyntax
	decimalNegative
	decimalLarge
)

// parseDecimal reads an amount in JSON's grammar of numbers, exactly: the value
// is held as digits and a power of ten, never as a float. More than 6 fraction
// digits are rounded half to even and said so. It takes time by the length of
// the text, whatever its exponent.
func parseDecimal(s string) (m event.Micros, rounded bool, f decimalFault) {
	i, neg := 0, false
	if i < len(s) && s[i] == '-' {
		i, neg = 1, true
	}
	whole := i
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	wholeEnd := i
	if wholeEnd == whole || s[whole] == '0' && wholeEnd > whole+1 {
		return 0, false, decimalSyntax
	}
	frac, fracEnd := i, i
	if i < len(s) && s[i] == '.' {
		i++
		frac = i
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		if fracEnd = i; fracEnd == frac {
			return 0, false, decimalSyntax
		}
	}
	exp := int64(0)
	if i < len(s) && s[i]|0x20 == 'e' {
		i++
		expNeg := i < len(s) && s[i] == '-'
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		first := i
		for ; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
			if exp < 1e12 { // far beyond what the digits of a record can outweigh
				exp = exp*10 + int64(s[i]-'0')
			}
		}
		if i == first {
			return 0, false, decimalSyntax
		}
		if expNeg {
			exp = -exp
		}
	}
	if i != len(s) {
		return 0, false, decimalSyntax
	}

	// The amount in micros is the digits x 10^shift.
	shift := exp - int64(fracEnd-frac) + 6
	rounded = shift < 0
	var q uint64            // the digits before the cut, as far as they count
	var keep int64          // how many digits stand before the cut
	nonzero := false        // whether any digit is not 0
	half, more := -1, false // the first digit after the cut; whether any follows it that is not 0
	total := int64(wholeEnd-whole) + int64(fracEnd-frac)
	if keep = total + min(shift, 0); keep < 0 {
		half = 0 // the cut is before the digits
	}
	at := int64(0)
	for _, part := range [2]string{s[whole:wholeEnd], s[frac:fracEnd]} {
		for j := range len(part) {
			c := part[j] - '0'
			nonzero = nonzero || c != 0
			switch {
			case at < keep:
				if q <= uint64(event.MaxAmount) {
					q = q*10 + uint64(c)
				}
			case half < 0:
				half = int(c)
			default:
				more = more || c != 0
			}
			at++
		}
	}
	if neg && nonzero {
		return 0, rounded, decimalNegative
	}
	if half > 5 || half == 5 && (more || q&1 == 1) {
		q++
	}
	for ; shift > 0 && q != 0 && q <= uint64(event.MaxAmount); shift-- {
		q *= 10
	}
	if q > uint64(event.MaxAmount) {
		return 0, rounded, decimalLarge
	}
	return event.Micros(q), rounded, decimalOK
}
