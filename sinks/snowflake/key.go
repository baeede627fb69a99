package snowflake

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des" //nolint:gosec // old keys are encrypted with it; we only read them
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // likewise
	"crypto/sha256"
	_ "crypto/sha512" // keys may be derived with it
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"hash"
	"os"
	"strings"
	"time"
)

// loadKey reads the private key that the section names.
func loadKey(c *Config) (*rsa.PrivateKey, error) {
	text, from := []byte(c.PrivateKey), "sinks.snowflake.private_key"
	if c.PrivateKeyFile != "" {
		var err error
		from = "sinks.snowflake.private_key_file"
		if text, err = os.ReadFile(c.PrivateKeyFile); err != nil {
			return nil, fmt.Errorf("%s: %w", from, err)
		}
	}
	pass := []byte(c.Passphrase)
	if c.PassphraseFile != "" {
		raw, err := os.ReadFile(c.PassphraseFile)
		if err != nil {
			return nil, fmt.Errorf("sinks.snowflake.passphrase_file: %w", err)
		}
		pass = []byte(strings.TrimRight(string(raw), "\r\n"))
	}
	key, err := parseKey(text, pass)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from, err)
	}
	return key, nil
}

var (
	errNoKey      = errors.New("holds no private key in PEM; it begins with -----BEGIN PRIVATE KEY----- or -----BEGIN ENCRYPTED PRIVATE KEY-----")
	errPassphrase = errors.New("the passphrase does not open the key")
)

func parseKey(text, pass []byte) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errNoKey
	}
	der := block.Bytes
	switch block.Type {
	case "RSA PRIVATE KEY":
		if block.Headers["DEK-Info"] != "" {
			return nil, errors.New("is encrypted in the old way of OpenSSL; convert it: openssl pkcs8 -topk8 -v2 aes-256-cbc -in old -out key.p8")
		}
		return x509.ParsePKCS1PrivateKey(der)
	case "ENCRYPTED PRIVATE KEY":
		if len(pass) == 0 {
			return nil, errors.New("is encrypted; give sinks.snowflake.passphrase or passphrase_file")
		}
		var err error
		if der, err = decrypt(der, pass); err != nil {
			return nil, err
		}
	case "PRIVATE KEY":
	default:
		return nil, errNoKey
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		if block.Type != "PRIVATE KEY" {
			return nil, errPassphrase
		}
		return nil, err
	}
	k, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("holds a %T; Snowflake takes RSA keys", key)
	}
	return k, nil
}

// The structures of an encrypted PKCS #8 key: RFC 5958, and PBES2 of RFC 8018.
type encryptedKey struct {
	Algorithm pkix.AlgorithmIdentifier
	Data      []byte
}

type pbes2 struct {
	KDF    pkix.AlgorithmIdentifier
	Cipher pkix.AlgorithmIdentifier
}

type pbkdf2Params struct {
	Salt       []byte
	Iterations int
	KeyLength  int                      `asn1:"optional"`
	PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
}

var (
	oidPBES2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
)

// ciphers by their object identifiers: RFC 8018, NIST.
var ciphers = map[string]struct {
	size int
	make func(key []byte) (cipher.Block, error)
}{
	"1.2.840.113549.3.7":      {24, des.NewTripleDESCipher},
	"2.16.840.1.101.3.4.1.2":  {16, aes.NewCipher},
	"2.16.840.1.101.3.4.1.22": {24, aes.NewCipher},
	"2.16.840.1.101.3.4.1.42": {32, aes.NewCipher},
}

// prfs by their object identifiers; HMAC with SHA-1 is the default.
var prfs = map[string]func() hash.Hash{
	"":                    sha1.New,
	"1.2.840.113549.2.7":  sha1.New,
	"1.2.840.113549.2.9":  sha256.New,
	"1.2.840.113549.2.11": crypto.SHA512.New,
	"1.2.840.113549.2.10": crypto.SHA384.New,
	"1.2.840.113549.2.8":  crypto.SHA224.New,
}

const maxIterations = 10_000_000 // of a key that nobody made to keep us busy

func decrypt(der, pass []byte) ([]byte, error) {
	unknown := errors.New("is encrypted in a way that is not supported; convert it: openssl pkcs8 -topk8 -v2 aes-256-cbc -in old -out key.p8")
	var key encryptedKey
	var scheme pbes2
	var kdf pbkdf2Params
	var iv []byte
	if _, err := asn1.Unmarshal(der, &key); err != nil || !key.Algorithm.Algorithm.Equal(oidPBES2) {
		return nil, unknown
	}
	if _, err := asn1.Unmarshal(key.Algorithm.Parameters.FullBytes, &scheme); err != nil || !scheme.KDF.Algorithm.Equal(oidPBKDF2) {
		return nil, unknown
	}
	if _, err := asn1.Unmarshal(scheme.KDF.Parameters.FullBytes, &kdf); err != nil || kdf.Iterations < 1 || kdf.Iterations > maxIterations {
		return nil, unknown
	}
	if _, err := asn1.Unmarshal(scheme.Cipher.Parameters.FullBytes, &iv); err != nil {
		return nil, unknown
	}
	c, ok := ciphers[scheme.Cipher.Algorithm.String()]
	prf := prfs[kdf.PRF.Algorithm.String()]
	if !ok || prf == nil {
		return nil, unknown
	}
	secret, err := pbkdf2.Key(prf, string(pass), kdf.Salt, kdf.Iterations, c.size)
	if err != nil {
		return nil, err
	}
	block, err := c.make(secret)
	if err != nil {
		return nil, err
	}
	if len(iv) != block.BlockSize() || len(key.Data) == 0 || len(key.Data)%block.BlockSize() != 0 {
		return nil, unknown
	}
	out := make([]byte, len(key.Data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(out, key.Data)
	pad := int(out[len(out)-1])
	if pad < 1 || pad > block.BlockSize() || pad > len(out) {
		return nil, errPassphrase
	}
	return out[:len(out)-pad], nil
}

// tokenLife is how long a token is good; Snowflake allows an hour.
const (
	tokenLife  = 50 * time.Minute
	tokenRenew = 10 * time.Minute // before it ends
)

// token signs who we are: a JWT as Snowflake's documentation of key-pair
// authentication describes it.
func token(c *Config, key *rsa.PrivateKey, now time.Time) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return "", err
	}
	fingerprint := sha256.Sum256(der)
	// The region of a locator is no part of the account's name.
	account, _, _ := strings.Cut(strings.ToUpper(c.Account), ".")
	who := account + "." + strings.ToUpper(c.User)
	claims, err := json.Marshal(map[string]any{
		"iss": who + ".SHA256:" + base64.StdEncoding.EncodeToString(fingerprint[:]),
		"sub": who, "iat": now.Unix(), "exp": now.Add(tokenLife).Unix(),
	})
	if err != nil {
		return "", err
	}
	enc := base64.RawURLEncoding
	signed := enc.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + enc.EncodeToString(claims)
	sum := sha256.Sum256([]byte(signed))
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		return "", err
	}
	return signed + "." + enc.EncodeToString(sig), nil
}
