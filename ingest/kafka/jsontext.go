package kafka

import (
	"encoding/base64"
	"errors"
	"math"
	"math/big"
	"strconv"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/ingest"
)

// What both formats write JSON with. Numbers keep their digits: integers and
// decimals exactly, floating point as the shortest decimal that reads back as
// the same number.

// maxDepth is how deep a record may nest; the contract's bound.
const maxDepth = 64

var errDeep = errors.New("it is nested deeper than 64")

// maxJSON bounds what a record may become: the decoder takes no more.
const maxJSON = ingest.MaxRecord

func appendText(out []byte, s []byte) []byte {
	const hex = "0123456789abcdef"
	out = append(out, '"')
	from := 0
	for i, c := range s {
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		out = append(out, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			out = append(out, '\\', c)
		default:
			out = append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(out, s[from:]...), '"')
}

// appendBytes writes bytes that are no text.
func appendBytes(out, b []byte) []byte {
	out = append(out, '"')
	out = base64.StdEncoding.AppendEncode(out, b)
	return append(out, '"')
}

// appendFloat writes what is no number as a text, which no field takes for one.
func appendFloat(out []byte, f float64, bits int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return strconv.AppendQuote(out, strconv.FormatFloat(f, 'g', -1, bits))
	}
	format := byte('f')
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(out, f, format, -1, bits)
}

// The times that can be written with four digits of a year.
const (
	leastTime    = event.Millis(0)
	greatestTime = event.Millis(253402300799999)
)

// appendTime writes a time as RFC 3339, so that it is not taken for seconds
// however early it is; one that no field takes is written as its number.
func appendTime(out []byte, t event.Millis) []byte {
	if t < leastTime || t > greatestTime {
		return strconv.AppendInt(out, int64(t), 10)
	}
	return append(append(append(out, '"'), t.String()...), '"')
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// maxDecimal is how many bytes an unscaled decimal may have: far more than any
// amount needs.
const maxDecimal = 64

// appendDecimal writes a big-endian two's complement integer times 10^-scale.
func appendDecimal(out, unscaled []byte, scale int) ([]byte, error) {
	if len(unscaled) > maxDecimal {
		return out, errors.New("a decimal of " + strconv.Itoa(len(unscaled)) + " bytes is too large")
	}
	n := new(big.Int).SetBytes(unscaled)
	if len(unscaled) > 0 && unscaled[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(unscaled))))
	}
	digits := n.String()
	if n.Sign() < 0 {
		out, digits = append(out, '-'), digits[1:]
	}
	if scale <= 0 {
		out = append(out, digits...)
		if n.Sign() != 0 {
			for range -scale {
				out = append(out, '0')
			}
		}
		return out, nil
	}
	for len(digits) <= scale {
		digits = "0" + digits
	}
	out = append(out, digits[:len(digits)-scale]...)
	return append(append(out, '.'), digits[len(digits)-scale:]...), nil
}

// maxScale bounds a decimal's scale, either way.
const maxScale = 1000
