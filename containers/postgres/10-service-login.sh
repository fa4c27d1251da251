#!/bin/sh
# Runs once, when the database is first made: the login of the running product. It owns nothing and inherits nothing;
# `corebilling migrate` grants it the roles it may switch to.
set -eu
case "$DATABASE_PASSWORD" in
  *[!A-Za-z0-9._~-]*)
    echo "DATABASE_PASSWORD: use letters, digits and . _ ~ - only, because it also stands in a URL" >&2
    exit 1 ;;
esac
psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --set password="$DATABASE_PASSWORD" <<'SQL'
CREATE ROLE corebilling_service LOGIN NOINHERIT PASSWORD :'password';
SQL
