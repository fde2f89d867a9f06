package migrations_test

import "testing"

// A policy of Supabase's finds the same answers here.
func TestStorageHelpers(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	up(t, url)
	conn := connect(t, url)
	for _, tt := range []struct{ sql, want string }{
		{"storage.foldername('a/b/c.tar.gz')::text", "{a,b}"},
		{"storage.foldername('c.txt')::text", "{}"},
		{"(storage.foldername('7/x.png'))[1]", "7"},
		{"storage.filename('a/b/c.tar.gz')", "c.tar.gz"},
		{"storage.extension('a.b/c.tar.gz')", "gz"},
		{"storage.extension('a.b/c')", "c"},
		{"storage.allow_only_operation('object.upload')::text", "false"},
	} {
		wantRows(t, conn, "select "+tt.sql, tt.want)
	}
	exec(t, conn, "select set_config('storage.operation', 'storage.object.upload', false)")
	wantRows(t, conn, "select storage.operation()", "storage.object.upload")
	wantRows(t, conn, "select storage.allow_only_operation('object.upload')::text", "true")
	wantRows(t, conn, "select storage.allow_any_operation(array['storage.object.list', 'storage.object.upload'])::text", "true")
	wantRows(t, conn, "select storage.allow_any_operation(array['object.list'])::text", "false")
}

func TestStorageTablesAreGuarded(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	up(t, url)
	conn := connect(t, url)
	exec(t, conn, "insert into storage.buckets (id, name) values ('b', 'b')")
	exec(t, conn, "insert into storage.objects (bucket_id, name) values ('b', 'x')")
	wantSQLState(t, conn, "42501", "delete from storage.objects")
	wantRows(t, conn, "select count(*)::text from pg_class where relnamespace = 'storage'::regnamespace and relkind = 'r' and not relrowsecurity", "0")
	user := connect(t, url)
	exec(t, user, "set role authenticated")
	wantRows(t, user, "select name from storage.objects")
	wantSQLState(t, user, "42501", "insert into storage.objects (bucket_id, name) values ('b', 'y')")
	wantSQLState(t, user, "42501", "select from storage.tus_uploads")
	wantSQLState(t, user, "42501", "select from storage.s3_multipart_uploads")
	exec(t, conn, "create policy mine on storage.objects to authenticated using (name = 'x') with check (name = 'y')")
	wantRows(t, user, "select name from storage.objects", "x")
	exec(t, user, "insert into storage.objects (bucket_id, name) values ('b', 'y')")
}

func TestStorageListsFoldersOnce(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	up(t, url)
	conn := connect(t, url)
	exec(t, conn, "insert into storage.buckets (id, name) values ('b', 'b')")
	exec(t, conn, `insert into storage.objects (bucket_id, name)
		select 'b', n from unnest(array['a/1', 'a/2', 'a/c/3', 'B/1', 'a.txt', 'z', 'aa', 'a/z/1']) as n`)
	for _, tt := range []struct {
		arguments string
		want      []string
	}{
		{"'', '/', '', 100", []string{"B/", "a.txt*", "a/", "aa*", "z*"}},
		{"'', '/', 'a/', 2", []string{"aa*", "z*"}},
		{"'a/', '/', '', 100", []string{"a/1*", "a/2*", "a/c/", "a/z/"}},
		{"'a/', '/', 'a/c/', 100", []string{"a/z/"}},
		{"'a', '', 'a/1', 3", []string{"a/2*", "a/c/3*", "a/z/1*"}},
		{"'none/', '/', '', 5", nil},
	} {
		wantRows(t, conn, "select key || case when folder then '' else '*' end from nexus.storage_list_entries('b', "+tt.arguments+")", tt.want...)
	}
	wantRows(t, conn, "select name from nexus.storage_search('b', '', 'A', 'name', true, 10, 1)", "a.txt", "a")
}
