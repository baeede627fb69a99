package testkit

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

const (
	versityVersion = "1.8.0"
	azuriteVersion = "3.37.0"
)

// Versity is an S3 server by other people that checks every signature, and the
// bucket URL and the environment that lead to it.
func Versity(t testing.TB) (bucket string, env map[string]string) {
	t.Helper()
	dir := Install(t, "versitygw-"+versityVersion, func(dir string) error {
		return runQuietly(15*time.Minute, "", "env", "GOBIN="+dir, "go", "install", "github.com/versity/versitygw/cmd/versitygw@v"+versityVersion)
	})
	port := FreePorts(t, 1)[0]
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	data := t.TempDir()
	if err := os.Mkdir(filepath.Join(data, S3Bucket), 0o755); err != nil {
		t.Fatal(err)
	}
	meta := t.TempDir()
	p := StartProcess(t, "versitygw", filepath.Join(dir, "versitygw"), []string{"--port", addr, "--region", "eu-central-1", "posix", "--sidecar", meta, data}, "ROOT_ACCESS_KEY=test-id", "ROOT_SECRET_KEY=test-secret")
	p.WaitReady(2*time.Minute, Dials(addr))
	return "s3://" + S3Bucket + "/a?region=eu-central-1&endpoint=http://" + addr, map[string]string{"AWS_ACCESS_KEY_ID": "test-id", "AWS_SECRET_ACCESS_KEY": "test-secret"}
}

// azuriteKey is the account key that Azurite publishes.
const azuriteKey = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

// Azurite is Microsoft's emulator of Azure Blob Storage.
func Azurite(t testing.TB) (container string, env map[string]string) {
	t.Helper()
	node := Program(t, "node", "nodejs")
	dir := Install(t, "azurite-"+azuriteVersion, func(dir string) error {
		return runQuietly(10*time.Minute, dir, "npm", "install", "--no-fund", "--no-audit", "--prefix", dir, "azurite@"+azuriteVersion)
	})
	port := FreePorts(t, 1)[0]
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	p := StartProcess(t, "azurite", node, []string{
		filepath.Join(dir, "node_modules", "azurite", "dist", "src", "blob", "main.js"),
		"--blobHost", "127.0.0.1", "--blobPort", fmt.Sprint(port), "--location", t.TempDir(), "--silent", "--disableTelemetry",
	})
	p.WaitReady(2*time.Minute, Dials(addr))
	return "azblob://" + S3Bucket + "/a?account=devstoreaccount1&endpoint=http://" + addr + "/devstoreaccount1", map[string]string{"AZURE_STORAGE_KEY": azuriteKey}
}
