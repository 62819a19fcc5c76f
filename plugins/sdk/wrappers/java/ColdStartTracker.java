package org.serverlessbench;

import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;

/** What sets one process of a function apart from the others. */
final class ColdStartTracker {
    /** Eight hexadecimal digits, another for each process. */
    static final String CONTAINER_ID = UUID.randomUUID().toString().substring(0, 8);

    private static final AtomicBoolean COLD = new AtomicBoolean(true);

    private ColdStartTracker() {}

    /** Whether this is the first request of the process; asked once for each. */
    static boolean isCold() {
        return COLD.getAndSet(false);
    }
}
