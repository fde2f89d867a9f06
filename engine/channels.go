package engine

import (
	"context"
	"fmt"
	"path/filepath"

	"nexus/engine/app/messages"
	"nexus/engine/app/messages/graph"
	"nexus/engine/db"
	"nexus/engine/functions"
	"nexus/engine/jobs"
	"nexus/engine/storage/blob"
)

// mediaDir has the files of contacts, in the data directory or in the object store beside the objects of storage/v1.
const mediaDir = "media"

func (s *Server) openMedia() (blob.Backend, error) {
	cfg := s.cfg.Storage.S3
	if cfg.URL == "" {
		return blob.OpenDisk(filepath.Join(s.cfg.DataDir, mediaDir))
	}
	return blob.OpenS3(blob.S3Config{
		URL: cfg.URL, Region: cfg.Region, Bucket: cfg.Bucket, Prefix: cfg.Prefix + mediaDir + "/", AccessKey: cfg.AccessKey, SecretKey: cfg.SecretKey,
	})
}

// MetaConfig is the server's own app at Meta, for WhatsApp, Messenger and Instagram. Organizations can have apps of their own instead.
type MetaConfig struct {
	// GraphURL is where Meta's Graph API is; empty is Meta's own service.
	GraphURL string
	// AppID is that of the app, for its embedded signup.
	AppID string
	// AppSecret signs what Meta delivers.
	AppSecret string
	// VerifyToken confirms webhooks.
	VerifyToken string
}

// messageFunctions are those of conversations with contacts.
func (s *Server) messageFunctions(b *backend, sessions *db.Sessions, with *tools, background *jobs.Registry) ([]*functions.Function, error) {
	client, err := graph.New(graph.Config{BaseURL: s.cfg.Meta.GraphURL})
	if err != nil {
		return nil, err
	}
	b.onClose(func(context.Context) error { client.Close(); return nil })
	kept, err := s.openMedia()
	if err != nil {
		return nil, fmt.Errorf("files of messages: %w", err)
	}
	return messages.Functions(messages.Options{
		Sessions: sessions, Graph: client, Box: with.box, Mailer: with.mailer, Files: kept,
		AppID: s.cfg.Meta.AppID, AppSecret: s.cfg.Meta.AppSecret, VerifyToken: s.cfg.Meta.VerifyToken, BaseURL: b.info.URL, Logger: s.log,
	}, background), nil
}
