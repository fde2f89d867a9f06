package schema_test

import (
	"strings"
	"testing"
	"time"

	"nexus/schema"
	"nexus/schema/pgtest"
)

// TestCacheListensToPrimary connects as a role that may only read, as with a replica: the catalog is served, and listening is
// tried again until it can be written.
func TestCacheListensToPrimary(t *testing.T) {
	db := pgtest.New(t, `do $$ begin
		create role cache_reader login; exception when duplicate_object or unique_violation then null; end $$`)
	here := "alter role cache_reader in database " + db.QueryString(t, "select quote_ident(current_catalog)")
	db.Exec(t, here+" set default_transaction_read_only = on")
	unheard := make(chan error, 100)
	run := startCache(t, schema.CacheConfig{
		URL: db.URLAs("cache_reader"), Listen: true, OnListenError: func(err error, _ time.Duration) { unheard <- err },
	})
	wait(t, run.loads)
	for range 2 {
		if err := wait(t, unheard); !strings.Contains(err.Error(), "read only") {
			t.Errorf("error %v", err)
		}
	}
	if run.Status().Listening {
		t.Error("it listens to what cannot notify")
	}
	db.Exec(t, here+" reset default_transaction_read_only")
	deadline := time.Now().Add(patience)
	for !run.Status().Listening {
		if time.Now().After(deadline) {
			t.Fatal("it does not listen")
		}
		<-time.After(10 * time.Millisecond)
	}
}
