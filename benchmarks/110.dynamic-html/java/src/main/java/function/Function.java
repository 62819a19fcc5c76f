package function;

import com.samskivert.mustache.Mustache;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;

/** Renders a web page. */
public final class Function {
    private static final String TEMPLATE = "/templates/page.html";
    private static final int LARGEST = 1_000_000;

    /** Renders a page that greets `username` and lists `random_len` numbers. */
    public Map<String, Object> handler(Map<String, Object> event) throws IOException {
        int count = ((Number) event.get("random_len")).intValue();
        if (count > LARGEST) {
            throw new IllegalArgumentException("`random_len` is " + count + ", not a number up to " + LARGEST);
        }
        long began = System.nanoTime();
        Map<String, Object> values = new HashMap<>();
        values.put("username", event.get("username"));
        values.put("time", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
        values.put("numbers", numbers(count));
        // The template asks a list for it as JavaScript does.
        values.put("numbers.length", count);
        String page = render(values);
        long rendered = (System.nanoTime() - began) / 1000;

        Map<String, Object> measurement = new HashMap<>();
        measurement.put("compute_time", rendered);
        Map<String, Object> answer = new HashMap<>();
        answer.put("result", page);
        answer.put("measurement", measurement);
        return answer;
    }

    private static List<Integer> numbers(int count) {
        Set<Integer> numbers = new LinkedHashSet<>();
        while (numbers.size() < count) {
            numbers.add(ThreadLocalRandom.current().nextInt(LARGEST));
        }
        return new ArrayList<>(numbers);
    }

    private static String render(Map<String, Object> values) throws IOException {
        try (InputStream template = Function.class.getResourceAsStream(TEMPLATE)) {
            if (template == null) {
                throw new IOException("the program has no " + TEMPLATE);
            }
            Reader reader = new InputStreamReader(template, StandardCharsets.UTF_8);
            return Mustache.compiler().compile(reader).execute(values);
        }
    }
}
