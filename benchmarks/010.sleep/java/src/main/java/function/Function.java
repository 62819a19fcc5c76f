package function;

import java.util.HashMap;
import java.util.Map;

/** Waits, and does nothing else. */
public final class Function {
    /** Waits for `sleep` seconds. */
    public Map<String, Object> handler(Map<String, Object> event) throws InterruptedException {
        Number seconds = (Number) event.get("sleep");
        long began = System.nanoTime();
        Thread.sleep(Math.round(seconds.doubleValue() * 1000));
        long slept = (System.nanoTime() - began) / 1000;

        Map<String, Object> measurement = new HashMap<>();
        measurement.put("sleep_time", slept);
        Map<String, Object> answer = new HashMap<>();
        answer.put("result", seconds);
        answer.put("measurement", measurement);
        return answer;
    }
}
