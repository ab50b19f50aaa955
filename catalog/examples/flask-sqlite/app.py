"""A guest book: Flask, templates, a static file, and SQLite for what visitors leave."""

import os
import sqlite3

from flask import Flask, g, redirect, render_template, request, url_for

DATABASE = os.environ.get("DATABASE", "/data/guests.db")

app = Flask(__name__)


def database():
    """This request's connection."""
    if "database" not in g:
        g.database = sqlite3.connect(DATABASE)
        g.database.row_factory = sqlite3.Row
    return g.database


@app.teardown_appcontext
def close_database(_error):
    connection = g.pop("database", None)
    if connection is not None:
        connection.close()


def make_database():
    os.makedirs(os.path.dirname(DATABASE), exist_ok=True)
    with sqlite3.connect(DATABASE) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS guests (id INTEGER PRIMARY KEY, name TEXT NOT NULL, seen TEXT DEFAULT CURRENT_TIMESTAMP)"
        )


@app.get("/")
def index():
    guests = database().execute("SELECT name, seen FROM guests ORDER BY id").fetchall()
    return render_template("index.html", guests=guests)


@app.post("/guests")
def sign():
    name = request.form.get("name", "").strip()
    if not name:
        return "a name, please\n", 400
    with database() as connection:
        connection.execute("INSERT INTO guests (name) VALUES (?)", (name,))
    return redirect(url_for("index"), code=303)


@app.get("/guests.json")
def guests():
    return [dict(row) for row in database().execute("SELECT id, name FROM guests ORDER BY id")]


if __name__ == "__main__":
    make_database()
    app.run(host="0.0.0.0", port=8080, threaded=True)
