package objects

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// azure speaks the REST protocol of Azure Blob Storage. Credentials are, in this
// order: a connection string, an account key, a shared access signature, a
// workload identity, a client secret, the machine's managed identity.
//
// https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api
type azure struct {
	client  *client
	base    url.URL // of the container
	account string
	key     []byte     // of the account
	sas     url.Values // shared access signature
	token   bearer
	partMin int64
}

const azureVersion = "2021-08-06"

func newAzure(c *client, u *url.URL) (*azure, error) {
	env := c.opt.Getenv
	set := map[string]string{} // of the connection string
	for part := range strings.SplitSeq(env("AZURE_STORAGE_CONNECTION_STRING"), ";") {
		if k, v, ok := strings.Cut(part, "="); ok {
			set[strings.TrimSpace(k)] = v
		}
	}
	z := &azure{client: c, partMin: defaultPart, account: cmp.Or(u.Query().Get("account"), env("AZURE_STORAGE_ACCOUNT"), set["AccountName"])}
	if z.account == "" {
		return nil, errors.New("no storage account is named; add account=... to the URL or set AZURE_STORAGE_ACCOUNT")
	}
	endpoint := cmp.Or(u.Query().Get("endpoint"), set["BlobEndpoint"],
		"https://"+z.account+".blob."+cmp.Or(set["EndpointSuffix"], "core.windows.net"))
	base, err := url.Parse(strings.TrimRight(endpoint, "/"))
	if err != nil || base.Host == "" {
		return nil, fmt.Errorf("endpoint %q is not an address such as https://%s.blob.core.windows.net", endpoint, z.account)
	}
	base.Path += "/" + u.Host
	z.base = *base
	if text := cmp.Or(set["AccountKey"], env("AZURE_STORAGE_KEY")); text != "" {
		if z.key, err = base64.StdEncoding.DecodeString(text); err != nil {
			return nil, errors.New("the account key (AZURE_STORAGE_KEY) is not base64; copy it as the portal shows it")
		}
		return z, nil
	}
	if text := cmp.Or(set["SharedAccessSignature"], env("AZURE_STORAGE_SAS_TOKEN")); text != "" {
		if z.sas, err = url.ParseQuery(strings.TrimPrefix(text, "?")); err != nil {
			return nil, errors.New("AZURE_STORAGE_SAS_TOKEN is no signature such as sv=...&sig=...")
		}
		return z, nil
	}
	z.token = &token{fetch: func(ctx context.Context, _ time.Time) (string, time.Duration, error) { return azureToken(ctx, c) }}
	return z, nil
}

const azureResource = "https://storage.azure.com/"

func azureToken(ctx context.Context, c *client) (string, time.Duration, error) {
	env := c.opt.Getenv
	tenant, id := env("AZURE_TENANT_ID"), env("AZURE_CLIENT_ID")
	at := strings.TrimRight(cmp.Or(env("AZURE_AUTHORITY_HOST"), "https://login.microsoftonline.com"), "/") + "/" + tenant + "/oauth2/v2.0/token"
	if file := env("AZURE_FEDERATED_TOKEN_FILE"); file != "" && tenant != "" && id != "" {
		raw, err := os.ReadFile(file)
		if err != nil {
			return "", 0, fmt.Errorf("AZURE_FEDERATED_TOKEN_FILE: %w", err)
		}
		return wrapToken("workload identity " + id)(readToken(ask(ctx, c, http.MethodPost, at, plainQuery("grant_type", "client_credentials", "client_id", id, "scope", azureResource+".default",
			"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion", strings.TrimSpace(string(raw))), "Content-Type", form)))
	}
	if secret := env("AZURE_CLIENT_SECRET"); secret != "" && tenant != "" && id != "" {
		return wrapToken("client " + id)(readToken(ask(ctx, c, http.MethodPost, at, plainQuery("grant_type", "client_credentials", "client_id", id, "scope", azureResource+".default", "client_secret", secret), "Content-Type", form)))
	}
	q := plainQuery("api-version", "2018-02-01", "resource", azureResource)
	if id != "" {
		q.Set("client_id", id)
	}
	base := cmp.Or(env("AZURE_POD_IDENTITY_AUTHORITY_HOST"), "http://169.254.169.254")
	text, err := ask(ctx, c, http.MethodGet, strings.TrimRight(base, "/")+"/metadata/identity/oauth2/token?"+q.Encode(), nil, "Metadata", "true")
	if err != nil {
		return "", 0, fmt.Errorf("no credentials for Azure were found (%w); set AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN or AZURE_CLIENT_ID with a secret, or give the machine an identity", err)
	}
	var x struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   string `json:"expires_in"` // seconds, as text
	}
	if err := json.Unmarshal(text, &x); err != nil || x.AccessToken == "" {
		return "", 0, errors.New("the machine's identity service gave no token")
	}
	seconds, _ := strconv.Atoi(x.ExpiresIn) // 0: fetched anew each time
	return x.AccessToken, time.Duration(seconds) * time.Second, nil
}

func wrapToken(who string) func(string, time.Duration, error) (string, time.Duration, error) {
	return func(text string, lasts time.Duration, err error) (string, time.Duration, error) {
		if err != nil {
			err = fmt.Errorf("get a token for %s: %w", who, err)
		}
		return text, lasts, err
	}
}

func (z *azure) request(method, key string, query url.Values) (*http.Request, error) {
	u := z.base
	if key != "" {
		u.Path += "/" + key
	}
	u.RawPath = escapePath(u.Path)
	u.RawQuery = query.Encode()
	r, err := http.NewRequest(method, u.String(), nil) //nolint:noctx // the client gives it one for each try
	if err == nil && method == http.MethodPut && query.Get("comp") == "" {
		r.Header.Set("X-Ms-Blob-Type", "BlockBlob")
	}
	return r, err
}

func (z *azure) sign(ctx context.Context, r *http.Request, _ string) error {
	now := z.client.opt.Now()
	r.Header.Set("X-Ms-Version", azureVersion)
	r.Header.Set("X-Ms-Date", now.UTC().Format(http.TimeFormat))
	switch {
	case z.token != nil:
		token, err := z.token.get(ctx, now)
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+token)
	case z.sas != nil:
		q := r.URL.Query()
		for k, v := range z.sas {
			q[k] = v
		}
		u := *r.URL
		u.RawQuery = q.Encode()
		r.URL = &u
	default:
		z.signShared(r)
	}
	return nil
}

// signShared is Shared Key authorization.
func (z *azure) signShared(r *http.Request) {
	h, length := r.Header, ""
	if r.ContentLength > 0 {
		length = strconv.FormatInt(r.ContentLength, 10)
	}
	var b strings.Builder
	b.WriteString(r.Method + "\n")
	for _, v := range []string{
		h.Get("Content-Encoding"), h.Get("Content-Language"), length, h.Get("Content-Md5"), h.Get("Content-Type"), "",
		h.Get("If-Modified-Since"), h.Get("If-Match"), h.Get("If-None-Match"), h.Get("If-Unmodified-Since"), h.Get("Range"),
	} {
		b.WriteString(v + "\n")
	}
	var own []string
	for name := range h {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-ms-") {
			own = append(own, lower)
		}
	}
	slices.Sort(own)
	for _, name := range own {
		b.WriteString(name + ":" + strings.TrimSpace(h.Get(name)) + "\n")
	}
	b.WriteString("/" + z.account + r.URL.EscapedPath())
	q := r.URL.Query()
	names := make([]string, 0, len(q))
	for name := range q {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		b.WriteString("\n" + strings.ToLower(name) + ":" + strings.Join(q[name], ","))
	}
	mac := hmac.New(sha256.New, z.key)
	mac.Write([]byte(b.String()))
	r.Header.Set("Authorization", "SharedKey "+z.account+":"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

func (z *azure) describe(h http.Header, body *Body) error {
	if body.Type != "" {
		h.Set("Content-Type", body.Type)
	}
	if body.SHA256 != "" {
		h.Set("X-Ms-Meta-Sha256", body.SHA256)
	}
	return setMD5(h, body)
}

func (z *azure) condition(h http.Header, cond If) {
	switch {
	case cond.Absent:
		h.Set("If-None-Match", "*")
	case cond.Version != "":
		h.Set("If-Match", `"`+cond.Version+`"`)
	}
}

func (z *azure) info(h http.Header) Info {
	i := Info{Version: strings.Trim(h.Get("Etag"), `"`), SHA256: h.Get("X-Ms-Meta-Sha256")}
	i.Size, _ = strconv.ParseInt(h.Get("Content-Length"), 10, 64)
	return i
}

func (z *azure) list(ctx context.Context, prefix, after string) ([]Info, string, error) {
	q := plainQuery("restype", "container", "comp", "list", "prefix", prefix, "maxresults", "1000")
	if after != "" {
		q.Set("marker", after)
	}
	r, err := z.request(http.MethodGet, "", q)
	if err != nil {
		return nil, "", err
	}
	a, err := z.client.do(ctx, z, r, Body{})
	if err != nil {
		return nil, "", err
	}
	var x struct {
		Blobs []struct {
			Name       string
			Properties struct {
				Etag string
				Size int64 `xml:"Content-Length"`
			}
		} `xml:"Blobs>Blob"`
		NextMarker string
	}
	if err := xml.Unmarshal(a.text, &x); err != nil {
		return nil, "", fmt.Errorf("the answer is no list of blobs: %w", err)
	}
	out := make([]Info, 0, len(x.Blobs))
	for _, o := range x.Blobs {
		out = append(out, Info{Name: o.Name, Size: o.Properties.Size, Version: strings.Trim(o.Properties.Etag, `"`)})
	}
	return out, x.NextMarker, nil
}

// putLarge puts blocks and then the list that makes them a blob. Blocks that no
// list names vanish after a week.
func (z *azure) putLarge(ctx context.Context, key string, body Body, cond If) (Info, bool, error) {
	if body.Size <= z.partMin {
		return Info{}, false, nil
	}
	info, err := z.putBlocks(ctx, key, body, cond)
	return info, true, err
}

func (z *azure) putBlocks(ctx context.Context, key string, body Body, cond If) (Info, error) {
	size := max(z.partMin, (body.Size+maxParts-1)/maxParts)
	list := struct {
		XMLName xml.Name `xml:"BlockList"`
		Latest  []string
	}{}
	for at := int64(0); at < body.Size; at += size {
		b, err := section(body.Data, at, min(size, body.Size-at))
		if err != nil {
			return Info{}, err
		}
		// The id says what is in it, so that two writers cannot mix their blocks.
		id := base64.StdEncoding.EncodeToString(append(binary.BigEndian.AppendUint64(nil, uint64(at)), b.SHA256[:32]...))
		r, err := z.request(http.MethodPut, key, plainQuery("comp", "block", "blockid", id))
		if err != nil {
			return Info{}, err
		}
		if err := setMD5(r.Header, &b); err != nil {
			return Info{}, err
		}
		if _, err := z.client.do(ctx, z, r, b); err != nil {
			return Info{}, err
		}
		list.Latest = append(list.Latest, id)
	}
	text, err := xml.Marshal(list)
	if err != nil {
		return Info{}, err
	}
	r, err := z.request(http.MethodPut, key, plainQuery("comp", "blocklist"))
	if err != nil {
		return Info{}, err
	}
	if err := z.describe(r.Header, &Body{SHA256: body.SHA256}); err != nil {
		return Info{}, err
	}
	if body.Type != "" {
		r.Header.Set("X-Ms-Blob-Content-Type", body.Type)
	}
	z.condition(r.Header, cond)
	a, err := z.client.do(ctx, z, r, textBody(text, ""))
	if err != nil {
		return Info{}, err
	}
	return z.info(a.header), nil
}
