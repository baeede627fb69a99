package objects

import (
	"context"
	"crypto/md5" //nolint:gosec // see setMD5
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// s3 speaks the REST protocol of Amazon S3, which many stores share, and with
// google set the XML API of Google Cloud Storage, which differs in its headers.
//
// https://docs.aws.amazon.com/AmazonS3/latest/API/
// https://cloud.google.com/storage/docs/xml-api/overview
type s3 struct {
	client  *client
	base    url.URL // of the bucket, without a slash at the end
	google  bool
	signer  signer      // "": see token
	keys    credentials // for the signer; nil: anonymous, or token
	token   bearer      // Google without HMAC keys
	meta    string      // prefix of the headers that an object carries with it
	partMin int64       // an upload that is larger goes in parts
}

// maxParts is the protocol's; the last part of an upload that grows may be one
// more than was thought.
const (
	maxParts    = 9_999
	defaultPart = 64 << 20
)

func newS3(c *client, u *url.URL) (*s3, error) {
	q := u.Query()
	s := &s3{client: c, meta: "X-Amz-Meta-", partMin: defaultPart}
	chain := newAWS(c, q.Get("profile"))
	region := q.Get("region")
	if region == "" {
		region = chain.region()
	}
	endpoint := q.Get("endpoint")
	if endpoint == "" {
		endpoint = c.opt.Getenv("AWS_ENDPOINT_URL_S3")
	}
	pathStyle := q.Get("path_style") == "true" || q.Get("path_style") == "" && endpoint != "" || strings.Contains(u.Host, ".")
	if endpoint == "" {
		if region == "" {
			return nil, errors.New("no region is known; add region=... to the URL or set AWS_REGION")
		}
		endpoint = "https://s3." + region + ".amazonaws.com"
		if strings.HasPrefix(region, "cn-") {
			endpoint += ".cn"
		}
	}
	if region == "" {
		region = "us-east-1" // what stores of other makers take
	}
	base, err := url.Parse(strings.TrimRight(endpoint, "/"))
	if err != nil || base.Host == "" {
		return nil, fmt.Errorf("endpoint %q is not an address such as https://minio.example:9000", endpoint)
	}
	if pathStyle {
		base.Path += "/" + u.Host
	} else {
		base.Host = u.Host + "." + base.Host
	}
	s.base = *base
	s.signer = signer{label: "AWS4", prefix: "X-Amz-", region: region, service: "s3"}
	if q.Get("anonymous") != "true" {
		s.keys = chain.keys
	}
	return s, nil
}

func (s *s3) request(method, key string, query url.Values) (*http.Request, error) {
	u := s.base
	u.Path += "/" + key
	u.RawPath = escapePath(u.Path)
	if key == "" {
		u.Path = strings.TrimSuffix(u.Path, "/")
		if u.Path == "" {
			u.Path = "/"
		}
		u.RawPath = escapePath(u.Path)
	}
	u.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20")
	return http.NewRequest(method, u.String(), nil) //nolint:noctx // the client gives it one for each try
}

func (s *s3) sign(ctx context.Context, r *http.Request, sha string) error {
	now := s.client.opt.Now()
	if s.token != nil {
		token, err := s.token.get(ctx, now)
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+token)
		return nil
	}
	if s.keys == nil {
		return nil
	}
	k, err := s.keys(ctx)
	if err != nil {
		return err
	}
	s.signer.sign(r, k, sha, now)
	return nil
}

func (s *s3) describe(h http.Header, body *Body) error {
	if body.Type != "" {
		h.Set("Content-Type", body.Type)
	}
	if body.SHA256 != "" {
		h.Set(s.meta+"Sha256", body.SHA256)
	}
	if s.google {
		return setMD5(h, body)
	}
	return nil
}

func (s *s3) condition(h http.Header, cond If) {
	switch {
	case s.google && cond.Absent:
		h.Set("X-Goog-If-Generation-Match", "0")
	case s.google && cond.Version != "":
		h.Set("X-Goog-If-Generation-Match", cond.Version)
	case cond.Absent:
		h.Set("If-None-Match", "*")
	case cond.Version != "":
		h.Set("If-Match", `"`+cond.Version+`"`)
	}
}

func (s *s3) info(h http.Header) Info {
	i := Info{Version: strings.Trim(h.Get("Etag"), `"`), SHA256: h.Get(s.meta + "Sha256")}
	if s.google {
		i.Version = h.Get("X-Goog-Generation")
	}
	i.Size, _ = strconv.ParseInt(h.Get("Content-Length"), 10, 64) // 0 where it says nothing
	return i
}

func (s *s3) list(ctx context.Context, prefix, after string) ([]Info, string, error) {
	q := url.Values{"list-type": {"2"}, "prefix": {prefix}, "encoding-type": {"url"}}
	if after != "" {
		q.Set("continuation-token", after)
	}
	r, err := s.request(http.MethodGet, "", q)
	if err != nil {
		return nil, "", err
	}
	a, err := s.client.do(ctx, s, r, Body{})
	if err != nil {
		return nil, "", err
	}
	var x struct {
		EncodingType          string
		IsTruncated           bool
		NextContinuationToken string
		Contents              []struct {
			Key, ETag, Generation string
			Size                  int64
		}
	}
	if err := xml.Unmarshal(a.text, &x); err != nil {
		return nil, "", fmt.Errorf("the answer is no list of objects: %w", err)
	}
	out := make([]Info, 0, len(x.Contents))
	for _, o := range x.Contents {
		if x.EncodingType == "url" {
			if o.Key, err = url.QueryUnescape(o.Key); err != nil {
				return nil, "", fmt.Errorf("the list holds a key that cannot be read: %w", err)
			}
		}
		version := strings.Trim(o.ETag, `"`)
		if s.google {
			version = o.Generation
		}
		out = append(out, Info{Name: o.Key, Size: o.Size, Version: version})
	}
	if !x.IsTruncated {
		return out, "", nil
	}
	if x.NextContinuationToken == "" || x.NextContinuationToken == after {
		return nil, "", errors.New("the store says that the list goes on, but not where")
	}
	return out, x.NextContinuationToken, nil
}

// putLarge is the multipart upload. Google takes any size at once.
func (s *s3) putLarge(ctx context.Context, key string, body Body, cond If) (Info, bool, error) {
	if s.google || body.Size <= s.partMin {
		return Info{}, false, nil
	}
	r, err := s.request(http.MethodPost, key, url.Values{"uploads": {""}})
	if err != nil {
		return Info{}, true, err
	}
	if err := s.describe(r.Header, &body); err != nil {
		return Info{}, true, err
	}
	a, err := s.client.do(ctx, s, r, Body{})
	if err != nil {
		return Info{}, true, err
	}
	var begun struct{ UploadId string }
	if err := xml.Unmarshal(a.text, &begun); err != nil || begun.UploadId == "" {
		return Info{}, true, errors.New("the store did not begin an upload in parts")
	}
	info, err := s.putParts(ctx, key, begun.UploadId, body, cond)
	if err != nil { // also when ctx has ended: parts that lie about cost money
		if r, rErr := s.request(http.MethodDelete, key, url.Values{"uploadId": {begun.UploadId}}); rErr == nil {
			_, _ = s.client.do(context.WithoutCancel(ctx), s, r, Body{}) // the bucket's lifecycle removes what stays
		}
	}
	return info, true, err
}

type part struct {
	XMLName    xml.Name `xml:"Part"`
	PartNumber int
	ETag       string
}

func (s *s3) putParts(ctx context.Context, key, upload string, body Body, cond If) (Info, error) {
	size := max(s.partMin, (body.Size+maxParts-1)/maxParts)
	var done struct {
		XMLName xml.Name `xml:"CompleteMultipartUpload"`
		Parts   []part
	}
	for at, n := int64(0), 1; at < body.Size; at, n = at+size, n+1 {
		b, err := section(body.Data, at, min(size, body.Size-at))
		if err != nil {
			return Info{}, err
		}
		r, err := s.request(http.MethodPut, key, url.Values{"partNumber": {strconv.Itoa(n)}, "uploadId": {upload}})
		if err != nil {
			return Info{}, err
		}
		a, err := s.client.do(ctx, s, r, b)
		if err != nil {
			return Info{}, err
		}
		done.Parts = append(done.Parts, part{PartNumber: n, ETag: a.header.Get("Etag")})
	}
	text, err := xml.Marshal(done)
	if err != nil {
		return Info{}, err
	}
	r, err := s.request(http.MethodPost, key, url.Values{"uploadId": {upload}})
	if err != nil {
		return Info{}, err
	}
	s.condition(r.Header, cond)
	a, err := s.client.do(ctx, s, r, textBody(text, "application/xml"))
	if err != nil {
		return Info{}, err
	}
	// The answer may begin with 200 and then tell of a failure.
	var end struct {
		XMLName xml.Name
		ETag    string
		Code    string
		Message string
	}
	if err := xml.Unmarshal(a.text, &end); err != nil || end.XMLName.Local == "Error" || end.ETag == "" {
		return Info{}, &Fault{Status: http.StatusOK, Code: end.Code, Message: end.Message, cause: ErrUnreachable}
	}
	return Info{Version: strings.Trim(end.ETag, `"`)}, nil
}

// setMD5 has the store compare what it received.
func setMD5(h http.Header, body *Body) error {
	if body.Data == nil {
		return nil
	}
	sum := md5.New() //nolint:gosec // the protocols' checksum; nothing rests on it but transport
	if n, err := io.Copy(sum, io.NewSectionReader(body.Data, 0, body.Size)); err != nil || n != body.Size {
		return fmt.Errorf("read what is uploaded: %d of %d bytes: %w", n, body.Size, err)
	}
	h.Set("Content-Md5", base64.StdEncoding.EncodeToString(sum.Sum(nil)))
	return nil
}

// section is a part of a body, with its own checksum.
func section(data io.ReaderAt, at, size int64) (Body, error) {
	h := sha256.New()
	if n, err := io.Copy(h, io.NewSectionReader(data, at, size)); err != nil || n != size {
		return Body{}, fmt.Errorf("read what is uploaded: %d of %d bytes: %w", n, size, err)
	}
	return Body{Data: io.NewSectionReader(data, at, size), Size: size, SHA256: hex.EncodeToString(h.Sum(nil))}, nil
}
