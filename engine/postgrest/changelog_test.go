package postgrest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestV16Options(t *testing.T) {
	t.Parallel()
	read := func(t *testing.T, lines ...string) (*Config, error) {
		t.Helper()
		return Read(Source{Path: write(t, "v16.conf", strings.Join(lines, "\n"))})
	}
	t.Run("unset they leave the dump of 14 as it is", func(t *testing.T) {
		t.Parallel()
		cfg, err := read(t)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"client-error-verbosity", "server-reuseport", "url-use-legacy-target-names", "admin-server-unix-socket"} {
			if strings.Contains(cfg.Dump(), name) {
				t.Errorf("%s is in the dump", name)
			}
		}
	})
	t.Run("set they are in the dump", func(t *testing.T) {
		t.Parallel()
		lines := []string{
			`client-error-verbosity = "minimal"`, `server-reuseport = true`, `url-use-legacy-target-names = true`,
			`admin-server-unix-socket = "/tmp/a.sock"`, `admin-server-unix-socket-mode = "700"`,
		}
		cfg, err := read(t, lines...)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range lines {
			if !strings.Contains(cfg.Dump(), line+"\n") {
				t.Errorf("%s is not in the dump", line)
			}
		}
	})
	for name, test := range map[string]struct{ line, want string }{
		"an unknown verbosity is refused":                  {`client-error-verbosity = "loud"`, "Invalid client-error-verbosity. Check your configuration."},
		"a socket mode that is no octal":                   {`admin-server-unix-socket-mode = "9"`, "Invalid admin-server-unix-socket-mode: not an octal"},
		"a socket mode that locks the owner out":           {`admin-server-unix-socket-mode = "077"`, "Invalid admin-server-unix-socket-mode: needs to be between 600 and 777"},
		"the option of 12 for the cache's time is ignored": {`jwt-cache-max-lifetime = 3600`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := read(t, test.line)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

func TestV16RoleClaimKey(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ line, want string }{
		"JSON Path, with its dollar signs doubled": {`jwt-role-claim-key = "$$.roles[?search(@, '^web$$')]"`, `"$$.roles[?search(@, '^web$$')]"`},
		"a JSON Path with quotes":                  {`jwt-role-claim-key = "$$[\"my role\"]"`, `"$$[\"my role\"]"`},
		"the form of 14":                           {`jwt-role-claim-key = ".roles[0]"`, `".\"roles\"[0]"`},
		"the default is that of 14":                {``, `".\"role\""`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, err := Read(Source{Path: write(t, "claim.conf", test.line)})
			if err != nil {
				t.Fatal(err)
			}
			if line := "jwt-role-claim-key = " + test.want + "\n"; !strings.Contains(cfg.Dump(), line) {
				t.Errorf("no %s in %s", line, cfg.Dump())
			}
			again, err := Read(Source{Path: write(t, "dumped.conf", cfg.Dump())})
			if err != nil || again.Dump() != cfg.Dump() {
				t.Errorf("the dump is not read as it was written: %v", err)
			}
		})
	}
	t.Run("an environment's dollar signs are single", func(t *testing.T) {
		t.Parallel()
		cfg, err := Read(Source{Environ: []string{"PGRST_JWT_ROLE_CLAIM_KEY=$.app.role"}})
		if err != nil || cfg.JWTRoleClaimKey.String() != "$.app.role" {
			t.Errorf("%v, error %v", cfg, err)
		}
	})
}

func TestV16ServedOptions(t *testing.T) {
	t.Parallel()
	t.Run("the admin server takes a unix socket", func(t *testing.T) {
		t.Parallel()
		socket := filepath.Join(t.TempDir(), "admin.sock")
		s := prepare(t, "admin-server-unix-socket = \""+socket+"\"", `admin-server-unix-socket-mode = "600"`).run()
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}}}
		s.until("it is ready", func() bool { return s.ask(client, "http://admin/ready", nil).status == http.StatusOK })
		if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the socket: %v, error %v", info, err)
		}
		if got := s.adminStatus("/live"); got != 0 {
			t.Errorf("the port listens as well: %d", got)
		}
	})
	t.Run("two servers share a port", func(t *testing.T) {
		t.Parallel()
		config := &Config{ServerHost: "127.0.0.1", ServerPort: int64(freePort(t)), ServerReuseport: true}
		for range 2 {
			l, err := listen(t.Context(), config)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
		}
	})
	t.Run("without server-reuseport they do not", func(t *testing.T) {
		t.Parallel()
		config := &Config{ServerHost: "127.0.0.1", ServerPort: int64(freePort(t))}
		l, err := listen(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if again, err := listen(t.Context(), config); err == nil {
			t.Error("the port was given twice")
			_ = again.Close()
		}
	})
	t.Run("errors are short with client-error-verbosity", func(t *testing.T) {
		t.Parallel()
		s := start(t, `client-error-verbosity = "minimal"`)
		got := s.get("/thing", nil)
		if want := `{"code":"PGRST205","message":"Could not find the table 'public.thing' in the schema cache"}`; got.body != want {
			t.Errorf("%s", got.body)
		}
	})
	for name, test := range map[string]struct {
		setting string
		status  int
		warning bool
	}{
		"url-use-legacy-target-names unset is 14":     {"", http.StatusOK, false},
		"url-use-legacy-target-names = true warns":    {"url-use-legacy-target-names = true", http.StatusOK, true},
		"url-use-legacy-target-names = false says no": {"url-use-legacy-target-names = false", http.StatusBadRequest, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := prepare(t, test.setting)
			s.database.Exec(t, `create table public.parts (id int primary key, thing_id int references public.things);
				grant select on public.parts to standin_anon`)
			s.run()
			s.until("it is ready", func() bool { return s.adminStatus("/ready") == http.StatusOK })
			got := s.get("/things?select=id,p:parts(id)&parts.order=id", nil)
			if got.status != test.status || (got.header.Get("Warning") != "") != test.warning {
				t.Errorf("%d, Warning %q, %s", got.status, got.header.Get("Warning"), got.body)
			}
		})
	}
}

func TestV12Start(t *testing.T) {
	t.Parallel()
	t.Run("port 0 is logged as the one that was taken", func(t *testing.T) {
		t.Parallel()
		s := prepare(t, `server-unix-socket = ""`, `server-host = "127.0.0.1"`, "server-port = 0").run()
		s.until("the port is logged", func() bool {
			return regexp.MustCompile(`API server listening on 127\.0\.0\.1:[1-9]\d+\n`).MatchString(s.log.String())
		})
	})
	t.Run("the version of the database is logged", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		version, _, _ := strings.Cut(s.database.QueryString(t, "show server_version"), " ")
		if want := "Successfully connected to PostgreSQL " + version + "\n"; !strings.Contains(s.log.String(), want) {
			t.Errorf("no %q in\n%s", want, s.log)
		}
	})
	t.Run("options of the database that came with 12", func(t *testing.T) {
		t.Parallel()
		s := prepare(t)
		here := "alter role standin_login in database " + s.database.QueryString(t, "select quote_ident(current_catalog)")
		for _, set := range []string{
			"server_trace_header = 'X-Trace'", "server_cors_allowed_origins = 'https://a.example, https://b.example'", "jwt_cache_max_entries = '77'",
		} {
			s.database.Exec(t, here+" set pgrst."+set)
		}
		if err := s.server.ReloadConfig(t.Context()); err != nil {
			t.Fatal(err)
		}
		cfg := s.server.Config()
		if cfg.ServerTraceHeader != "X-Trace" || len(cfg.ServerCORSAllowedOrigins) != 2 || cfg.JWTCacheMaxEntries != 77 {
			t.Errorf("%+v", cfg)
		}
	})
}

func TestV14Start(t *testing.T) {
	t.Parallel()
	t.Run("!6 listens on an address of IPv6", func(t *testing.T) {
		t.Parallel()
		l, err := listenHost(t.Context(), "!6", 0)
		if err != nil {
			t.Skip("no IPv6 here: ", err)
		}
		defer l.Close()
		if ip := l.Addr().(*net.TCPAddr).IP; ip.To4() != nil {
			t.Errorf("it listens on %s", ip)
		}
	})
	t.Run("a server that ends ends the others", func(t *testing.T) {
		t.Parallel()
		s := prepare(t)
		ctx, fatal := context.WithCancelCause(t.Context())
		defer fatal(nil)
		s.server.fatal = fatal
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		s.server.serve(l, http.NotFoundHandler())
		<-ctx.Done()
		if err := context.Cause(ctx); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the reason is %v", err)
		}
	})
	t.Run("a configuration file is read as UTF-8", func(t *testing.T) {
		t.Parallel()
		cfg, err := Read(Source{Path: write(t, "utf8.conf", "# größe\ndb-anon-role = \"gäste\"")})
		if err != nil || cfg.DBAnonRole != "gäste" {
			t.Errorf("%v, error %v", cfg, err)
		}
	})
}

func TestV12Reloads(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.server.ReloadSchema()
	s.until("the schema was read again", func() bool { return strings.Count(s.log.String(), "Schema cache loaded") == 2 })
	if n := strings.Count(s.log.String(), "Starting PostgREST"); n != 1 {
		t.Errorf("it started %d times:\n%s", n, s.log)
	}
}

func TestV16Reloads(t *testing.T) {
	t.Parallel()
	t.Run("the log level", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		text, err := os.ReadFile(s.server.source.Path)
		if err != nil {
			t.Fatal(err)
		}
		s.get("/things", nil)
		quiet := strings.ReplaceAll(string(text), `log-level = "info"`, `log-level = "crit"`)
		if err := os.WriteFile(s.server.source.Path, []byte(quiet), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := s.server.ReloadConfig(t.Context()); err != nil {
			t.Fatal(err)
		}
		before := s.requests.String()
		s.get("/things", nil)
		if after := s.requests.String(); before == "" || after != before {
			t.Errorf("before: %q, after: %q", before, after)
		}
	})
}

func TestV14Login(t *testing.T) {
	t.Parallel()
	t.Run("a login role of any name has its settings", func(t *testing.T) {
		t.Parallel()
		s := prepare(t)
		s.database.Exec(t, `do $$ begin
			create role "Standin Mixed" login noinherit; exception when duplicate_object or unique_violation then null; end $$;
			alter role "Standin Mixed" set pgrst.db_max_rows = '1'`)
		conn := connect(t, s.database.URLAs("Standin Mixed"))
		options, _, err := readDatabase(t.Context(), conn, "")
		if err != nil || options["db_max_rows"] != "1" {
			t.Errorf("options %v, error %v", options, err)
		}
	})
	t.Run("a pre-config function may have a reserved word for its name", func(t *testing.T) {
		t.Parallel()
		s := prepare(t)
		s.database.Exec(t, `create function public."true"() returns void language sql as
			$$ select set_config('pgrst.db_max_rows', '7', true) $$`)
		conn := connect(t, s.database.URL)
		options, _, err := readDatabase(t.Context(), conn, "public.true")
		if err != nil || options["db_max_rows"] != "7" {
			t.Errorf("options %v, error %v", options, err)
		}
	})
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}
