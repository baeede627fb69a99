package ingest

import "github.com/tributary-data/tributary/event"

// The times that a record may have: 1970-01-01T00:00:00Z to the last
// millisecond of 9999.
const (
	minTime event.Millis = 0
	maxTime event.Millis = 253402300799999
)

// leastMillis is the least number that is taken for milliseconds; smaller ones
// look like seconds.
const leastMillis = 100_000_000_000

// parseTime reads RFC 3339 with its mandatory offset, lower-case t and z
// allowed, and cuts it to milliseconds. A leap second is not ok.
func parseTime(s string) (event.Millis, bool) {
	if len(s) < len("2006-01-02T15:04:05Z") || s[4] != '-' || s[7] != '-' || s[10]|0x20 != 't' || s[13] != ':' || s[16] != ':' {
		return 0, false
	}
	year, ok1 := two(s, 0)
	years, ok2 := two(s, 2)
	month, ok3 := two(s, 5)
	day, ok4 := two(s, 8)
	hour, ok5 := two(s, 11)
	minute, ok6 := two(s, 14)
	second, ok7 := two(s, 17)
	if !(ok1 && ok2 && ok3 && ok4 && ok5 && ok6 && ok7) {
		return 0, false
	}
	year = year*100 + years
	if month < 1 || month > 12 || day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	i, ms := 19, 0
	if s[i] == '.' {
		first, scale := i+1, 100
		for i++; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
			ms += int(s[i]-'0') * scale
			scale /= 10
		}
		if i == first || i == len(s) {
			return 0, false
		}
	}
	offset := 0
	switch c := s[i]; {
	case c|0x20 == 'z' && i+1 == len(s):
	case (c == '+' || c == '-') && i+6 == len(s) && s[i+3] == ':':
		h, ok1 := two(s, i+1)
		m, ok2 := two(s, i+4)
		if !ok1 || !ok2 || h > 23 || m > 59 {
			return 0, false
		}
		if offset = h*60 + m; c == '-' {
			offset = -offset
		}
	default:
		return 0, false
	}
	secs := int64(daysFromCivil(year, month, day))*86400 + int64(hour*3600+minute*60+second-offset*60)
	return event.Millis(secs*1000 + int64(ms)), true
}

// two reads two digits.
func two(s string, i int) (int, bool) {
	a, b := s[i]-'0', s[i+1]-'0'
	return int(a)*10 + int(b), a <= 9 && b <= 9
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// daysFromCivil counts days since 1970-01-01 in the Gregorian calendar: years
// begin in March, so that the leap day is the last of its year.
func daysFromCivil(year, month, day int) int {
	if month <= 2 {
		year--
		month += 12
	}
	if year < 0 { // January and February of year 0
		return -719528 + daysBefore[month-13] + day - 1
	}
	return 365*year + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + day - 1 - 719468
}

// daysBefore is what daysFromCivil needs for the two months before March of
// the year 0, which is a leap year.
var daysBefore = [2]int{0, 31}

// parseMillis reads an integer as milliseconds; huge ones are held at a time
// that is out of range.
func parseMillis(s string) event.Millis {
	neg := s[0] == '-'
	if neg {
		s = s[1:]
	}
	n := int64(0)
	for i := 0; i < len(s) && n < 1e17; i++ {
		n = n*10 + int64(s[i]-'0')
	}
	if neg {
		n = -n
	}
	return event.Millis(n)
}
