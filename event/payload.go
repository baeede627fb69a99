package event

import (
	"encoding/base64"
	"unicode/utf8"
)

// Payload is a record's bytes as the tables show them: text, or "base64:" and
// base64 when they are not UTF-8.
func Payload(raw []byte) string {
	if utf8.Valid(raw) {
		return string(raw)
	}
	return "base64:" + base64.StdEncoding.EncodeToString(raw)
}
