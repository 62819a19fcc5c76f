# Headers only: what has to be compiled, no function is linked with.
FROM tools AS boost
RUN fetch https://archives.boost.io/release/1.83.0/source/boost_1_83_0.tar.bz2 boost.tar.bz2 \
      6478edfe2f3305127cffe8caf73ea0176c53769f4bf1585be237eb30798c3b8e \
    && tar xf boost.tar.bz2 && mkdir -p /opt/include && mv boost_1_83_0/boost /opt/include/
