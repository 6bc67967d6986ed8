# cmake -D MODULE=events -D SERVICE=Events -D WSDL_DIR=... -D GEN_DIR=... -D OUT=... -P generate.cmake
# One WSDL -> C++ in namespace <module>_soap. Any warning of a generator is an error:
# they report "success" after losing half of the input. Without MODULE: env.h.

function(run)
  execute_process(COMMAND ${ARGN} WORKING_DIRECTORY ${OUT} OUTPUT_VARIABLE log ERROR_VARIABLE log RESULT_VARIABLE failed)
  if(failed OR log MATCHES "[Ww]arning|[Ee]rror|tempuri")
    message(FATAL_ERROR "${ARGV}\n${log}")
  endif()
endfunction()

# Removes from `text` what begins with `from` and ends with `to`.
function(cut text from to)
  string(FIND "${${text}}" "${from}" begin)
  if(begin EQUAL -1)
    message(FATAL_ERROR "${MODULE}.wsdl: no ${from}")
  endif()
  string(SUBSTRING "${${text}}" 0 ${begin} head)
  string(SUBSTRING "${${text}}" ${begin} -1 tail)
  string(FIND "${tail}" "${to}" end)
  string(LENGTH "${to}" length)
  math(EXPR end "${end} + ${length}")
  string(SUBSTRING "${tail}" ${end} -1 tail)
  set(${text} "${head}${tail}" PARENT_SCOPE)
endfunction()

file(MAKE_DIRECTORY ${OUT})
if(NOT MODULE)
  run(${SOAPCPP2} -c++17 -penv -CSLwx ${GEN_DIR}/env.h)
  return()
endif()

# Two bindings would give every operation twice; one serves both SOAP versions.
file(READ ${WSDL_DIR}/${MODULE}.wsdl wsdl)
cut(wsdl "<binding name=\"${SERVICE}12\"" "</binding>")
cut(wsdl "<port name=\"${SERVICE}12\"" "</port>")
file(WRITE ${OUT}/${MODULE}.wsdl "${wsdl}")
file(COPY ${WSDL_DIR}/common.xsd ${WSDL_DIR}/events.xsd DESTINATION ${OUT})

run(${WSDL2H} -c++17 -j -L -x -P -t ${GEN_DIR}/typemap.dat -o ${MODULE}_soap.h ${MODULE}.wsdl)
run(${SOAPCPP2} -c++17 -S -j -L -w -x -q${MODULE}_soap -I${GEN_DIR} ${MODULE}_soap.h)

# C++ names as the schema has them: NOT_USCOREFOUND -> NOT_FOUND (the XML text is right already).
foreach(name ${MODULE}_soapStub.h ${MODULE}_soapC.cpp)
  file(READ ${OUT}/${name} text)
  string(REPLACE "_USCORE" "_" text "${text}")
  file(WRITE ${OUT}/${name} "${text}")
endforeach()

# Headers and faults are global (env), and hidden from who includes a module's header first.
set(header ${OUT}/${MODULE}_soap${SERVICE}Service.h)
file(READ ${header} text)
file(WRITE ${header} "#include \"envH.h\"\n${text}")
