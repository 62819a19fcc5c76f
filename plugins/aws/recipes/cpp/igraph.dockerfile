# The checksum of this archive could not be verified where this was written: its version alone is
# pinned.
FROM tools AS igraph
RUN dnf install -y flex bison libxml2-devel && dnf clean all
RUN fetch https://github.com/igraph/igraph/releases/download/0.10.10/igraph-0.10.10.tar.gz igraph.tar.gz unknown \
    && tar xf igraph.tar.gz && cd igraph-0.10.10 \
    && cmake -S . -B build -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=/opt -DCMAKE_INSTALL_LIBDIR=lib64 \
      -DIGRAPH_USE_INTERNAL_BLAS=ON -DIGRAPH_USE_INTERNAL_LAPACK=ON -DIGRAPH_USE_INTERNAL_ARPACK=ON \
      -DIGRAPH_USE_INTERNAL_GLPK=ON -DIGRAPH_USE_INTERNAL_GMP=ON -DIGRAPH_USE_INTERNAL_PLFIT=ON \
      -DIGRAPH_GRAPHML_SUPPORT=OFF -DIGRAPH_OPENMP_SUPPORT=OFF \
    && cmake --build build --parallel "$(nproc)" && cmake --install build
