package org.serverlessbench;

/** The caller's mistake: HTTP status 400. */
final class BadRequest extends Exception {
    BadRequest(String message) {
        super(message);
    }
}
